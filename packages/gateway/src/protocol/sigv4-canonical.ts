/** The canonical forms that a Signature Version 4 is computed over. */

export type QueryPair = readonly [name: string, value: string];

const QUERY_PAIRS_MAX = 100;

/** Decoded pairs, in the order of the wire. Broken percent codes stay as they are. */
export function parseQuery(url: string): readonly QueryPair[] {
  const mark = url.indexOf("?");
  if (mark === -1) return [];
  return url
    .slice(mark + 1)
    .split("&", QUERY_PAIRS_MAX)
    .filter((part) => part !== "")
    .map((part) => {
      const separator = part.indexOf("=");
      if (separator === -1) return [decode(part), ""];
      return [decode(part.slice(0, separator)), decode(part.slice(separator + 1))];
    });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The path as on the wire without empty and relative segments, encoded once more: services other than S3 do it so. A base URL
 * of a client's that ends in a slash too many is enough for one.
 */
export function canonicalPath(url: string): string {
  const mark = url.indexOf("?");
  const path = mark === -1 ? url : url.slice(0, mark);
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const end = segments.length > 0 && path.endsWith("/") ? "/" : "";
  return `/${segments.map(encode).join("/")}${end}`;
}

export function canonicalQuery(query: readonly QueryPair[]): string {
  const pairs = query.map(([name, value]): QueryPair => [encode(name), encode(value)]);
  pairs.sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB));
  return pairs.map(([name, value]) => `${name}=${value}`).join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** RFC 3986: all but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()).replace(
    /[!'()*]/gu,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * `name:value\n` each, values trimmed and inner spaces folded. The names are the client's choice: what Node's header object
 * inherits is no header, and of `set-cookie` it has a list.
 */
export function canonicalHeaders(
  headers: Readonly<Record<string, string | undefined>>,
  signedHeaders: readonly string[],
): string {
  const valueOf = (name: string): string => (Object.hasOwn(headers, name) ? String(headers[name] ?? "") : "");
  return signedHeaders.map((name) => `${name}:${valueOf(name).trim().replace(/ +/gu, " ")}\n`).join("");
}
