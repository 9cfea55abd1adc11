// The one question that our pods ask the API server: the zone label of their node. Over TLS and with the service account's token, as
// `https://kubernetes.default.svc` answers it; refused to a service account that the manifests give no right to it.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";

export const API_HOST = "kubernetes.default.svc";

/** @returns {Promise<{ accountDirectory: (account: string) => string, close: () => void }>} */
export async function startApiServer({ directory, host, nodes, objects }) {
  const [key, certificate] = [join(directory, "api.key"), join(directory, "api.crt")];
  execFileSync(
    "openssl",
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${API_HOST} -addext subjectAltName=DNS:${API_HOST} -keyout ${key} -out ${certificate}`.split(
      " ",
    ),
    { stdio: "ignore" },
  );
  const accounts = new Map();
  const mayGetNodes = (account) =>
    objects.some(
      ({ kind, roleRef, subjects }) =>
        kind === "ClusterRoleBinding" &&
        subjects.some((subject) => subject.kind === "ServiceAccount" && subject.name === account) &&
        objects
          .find((role) => role.kind === "ClusterRole" && role.metadata.name === roleRef.name)
          ?.rules.some(({ resources, verbs }) => resources.includes("nodes") && verbs.includes("get")),
    );

  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    const answer = (status, body) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const account = accounts.get(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1]);
    const node = /^\/api\/v1\/nodes\/([^/]+)$/.exec(request.url ?? "")?.[1];
    if (account === undefined) answer(401, { kind: "Status", code: 401 });
    else if (!mayGetNodes(account)) answer(403, { kind: "Status", code: 403, message: `${account} cannot get nodes` });
    else if (!nodes.has(node)) answer(404, { kind: "Status", code: 404 });
    else
      answer(200, {
        kind: "Node",
        metadata: { name: node, labels: { "topology.kubernetes.io/zone": nodes.get(node) } },
      });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(443, host, resolve);
  });
  return {
    accountDirectory: (account) => {
      const mounted = join(directory, `account-${account}`);
      const token = randomBytes(24).toString("hex");
      accounts.set(token, account);
      mkdirSync(mounted, { recursive: true });
      writeFileSync(join(mounted, "token"), token);
      writeFileSync(join(mounted, "ca.crt"), readFileSync(certificate));
      writeFileSync(join(mounted, "namespace"), "millrace");
      return mounted;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
