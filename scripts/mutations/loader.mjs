// Breaks one rule in one file as it is loaded. MUTATION names it.
import { MUTATIONS, mutate } from "./list.mjs";

const mutation = MUTATIONS.find(({ name }) => name === process.env.MUTATION);

export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (mutation === undefined || !url.endsWith(`/packages/${mutation.file}`)) return loaded;
  return { ...loaded, source: mutate(String(loaded.source), mutation) };
}
