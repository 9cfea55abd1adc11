/** The same object, but for what is given instead. */
export function standBetween<T extends object>(object: T, instead: Partial<T>): T {
  return new Proxy(object, {
    get: (target, name) => {
      const own = instead[name as keyof T] as unknown;
      if (own !== undefined) return own;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
