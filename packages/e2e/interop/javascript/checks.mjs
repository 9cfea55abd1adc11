/** One line for each check; the first that fails ends the program. */
export function check(name, condition, seen) {
  console.log((condition ? "ok     " : "FAILED ") + name);
  if (condition) return;
  console.log(seen);
  process.exit(1);
}

/** The name of the error that a call ends with. */
export async function errorOf(call) {
  return call.then(
    () => "none",
    (error) => error.name,
  );
}
