import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

const ZONE_LABEL = "topology.kubernetes.io/zone";
const ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";
const TIMEOUT_MS = 10_000;

export interface ApiServer {
  /** e.g. https://kubernetes.default.svc */
  readonly url: string;
  readonly token: string;
  /** PEM; absent for plain HTTP. */
  readonly ca?: string;
}

/** The API server as a pod reaches it. @throws Error outside of a pod, or without a mounted service account */
export function inClusterApiServer(): ApiServer {
  const read = (name: string): string => readFileSync(`${ACCOUNT_DIRECTORY}/${name}`, "utf8");
  return { url: "https://kubernetes.default.svc", token: read("token").trim(), ca: read("ca.crt") };
}

/**
 * The availability zone of a Kubernetes node, by its zone label.
 * @throws Error that says what to do: no such node, no rights, no label
 */
export async function zoneOfNode(server: ApiServer, nodeName: string): Promise<string> {
  const { status, body } = await get(server, `/api/v1/nodes/${encodeURIComponent(nodeName)}`);
  if (status === 403) {
    throw new Error(
      `the service account may not get nodes: bind it to a ClusterRole with "get" on "nodes" (${body.slice(0, 200)})`,
    );
  }
  if (status !== 200) throw new Error(`the API server answered ${status} for node ${nodeName}: ${body.slice(0, 200)}`);
  const node = JSON.parse(body) as { metadata?: { labels?: Record<string, string> } };
  const zone = node.metadata?.labels?.[ZONE_LABEL];
  if (zone === undefined || zone === "") {
    throw new Error(
      `node ${nodeName} has no label ${ZONE_LABEL}, and a replica without a zone cannot be placed: ` +
        `kubectl label node ${nodeName} ${ZONE_LABEL}=<zone>`,
    );
  }
  return zone;
}

function get({ url, token, ca }: ApiServer, path: string): Promise<{ status: number; body: string }> {
  const make = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const options = {
      headers: { authorization: `Bearer ${token}`, accept: "application/json" },
      timeout: TIMEOUT_MS,
      ...(ca === undefined ? {} : { ca }),
    };
    const outgoing = make(new URL(path, url), options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`the API server at ${url} did not answer in time`)));
    outgoing.on("error", reject);
    outgoing.end();
  });
}
