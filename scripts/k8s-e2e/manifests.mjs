// The manifests as `kubectl apply -k` would send them, and the pods that controllers would make of them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parse, parseAllDocuments } from "yaml";

/** @returns {object[]} every object, in kustomize's order */
export function render(directory) {
  return parseObjects(execFileSync("kubectl", ["kustomize", directory], { encoding: "utf8" }));
}

export function parseObjects(text) {
  // Merge keys and anchors are ours, not kubectl's: what it renders has none.
  return parseAllDocuments(text, { merge: true }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const object = document.toJS();
    return object === null ? [] : [object];
  });
}

export function named(objects, kind, name) {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`the manifests have no ${kind} ${name}`);
  return found;
}

/** Worker nodes and their zones, as kind names them. @returns {Map<string, string>} */
export function kindNodes(file, clusterName = "millrace") {
  const workers = parse(readFileSync(file, "utf8")).nodes.filter(({ role }) => role === "worker");
  return new Map(
    workers.map(({ labels }, index) => [
      `${clusterName}-worker${index === 0 ? "" : index + 1}`,
      labels["topology.kubernetes.io/zone"],
    ]),
  );
}

/** What a StatefulSet or Deployment wants to run: `index` picks the name, and the node by even spread. */
export function podOf(set, index, nodeNames, generation = 0) {
  const isStateful = set.kind === "StatefulSet";
  const { name } = set.metadata;
  const { metadata, spec } = set.spec.template;
  return {
    name: isStateful ? `${name}-${index}` : `${name}-${"abcdefghij"[index]}${generation}`,
    set: name,
    component: metadata.labels["app.kubernetes.io/component"],
    labels: { ...metadata.labels },
    nodeName: nodeNames[index % nodeNames.length],
    subdomain: isStateful ? set.spec.serviceName : undefined,
    spec,
    claims: isStateful ? (set.spec.volumeClaimTemplates ?? []) : [],
  };
}

/** The container's environment: plain values, the downward API, config maps, and `$(NAME)` of what stands before. */
export function environmentOf(container, pod, objects) {
  const environment = {};
  for (const { configMapRef } of container.envFrom ?? []) {
    Object.assign(environment, named(objects, "ConfigMap", configMapRef.name).data);
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const given = valueFrom === undefined ? String(value) : valueOf(valueFrom, pod, objects);
    environment[name] = given.replace(/\$\((\w+)\)/g, (text, other) => environment[other] ?? text);
  }
  return environment;
}

function valueOf({ fieldRef, secretKeyRef, configMapKeyRef }, pod, objects) {
  if (fieldRef !== undefined) {
    const fields = { "metadata.name": pod.name, "metadata.namespace": "millrace", "spec.nodeName": pod.nodeName };
    const value = fields[fieldRef.fieldPath];
    if (value === undefined) throw new Error(`the downward API's ${fieldRef.fieldPath} is not imitated`);
    return value;
  }
  if (secretKeyRef !== undefined) return secretData(named(objects, "Secret", secretKeyRef.name))[secretKeyRef.key];
  return named(objects, "ConfigMap", configMapKeyRef.name).data[configMapKeyRef.key];
}

export function secretData({ data = {}, stringData = {} }) {
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]);
  return { ...Object.fromEntries(decoded), ...stringData };
}

/** "2Gi" → bytes */
export function bytesOf(quantity) {
  const [, number, unit] = /^(\d+)([KMGT]i?)?$/.exec(String(quantity)) ?? [];
  if (number === undefined) throw new Error(`not understood: ${quantity}`);
  const base = unit?.endsWith("i") ? 1_024 : 1_000;
  return Number(number) * base ** (unit === undefined ? 0 : "KMGT".indexOf(unit[0]) + 1);
}

/** Does a LabelSelector select these labels? An empty one selects all. */
export function selects({ matchLabels = {}, matchExpressions = [] }, labels) {
  if (Object.entries(matchLabels).some(([key, value]) => labels[key] !== value)) return false;
  return matchExpressions.every(({ key, operator, values = [] }) => {
    switch (operator) {
      case "In":
        return values.includes(labels[key]);
      case "NotIn":
        return !values.includes(labels[key]);
      case "Exists":
        return key in labels;
      case "DoesNotExist":
        return !(key in labels);
      default:
        throw new Error(`unknown operator ${operator}`);
    }
  });
}
