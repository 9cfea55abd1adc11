/** `host:port`, IPv6 hosts in brackets. */
export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(at + 1)) };
}

/** One host as people write it: a name, an IPv4 address, or an IPv6 one in brackets. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)$/;
const PORT_MAX = 65_535;

/** What is wrong with `host:port`; undefined when nothing is. Port 0, any that is free, is for those who listen. */
export function addressProblem(text: string, portMin: 0 | 1): string | undefined {
  const at = text.lastIndexOf(":");
  const [host, port] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 0 || port === "") return "It must look like host:port.";
  if (!HOST.test(host)) return `It must look like host:port, an IPv6 address in brackets; "${host}" is no host.`;
  const isPort = /^\d{1,5}$/.test(port) && Number(port) >= portMin && Number(port) <= PORT_MAX;
  return isPort ? undefined : `Its port must be a whole number from ${portMin} to ${PORT_MAX}.`;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
