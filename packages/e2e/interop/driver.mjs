// One driver's process. What it prints is a protocol of lines: "ok NAME" and "FAILED NAME …" for a check, "version X" for
// the client's, "note …" for the page, "lacks OPERATION" for what this version of the client cannot say, and "restart" when
// it wants every node killed and started again, after which it is sent a line.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export async function runDriver([command, ...args], environment, restart) {
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  const exited = new Promise((resolve, reject) => {
    child.once("exit", (code) => resolve(code));
    child.once("error", reject);
  });
  const seen = { version: "", note: "", checks: [], lacks: [] };
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    const [, word, rest] = /^(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
    if (word === "ok") seen.checks.push(rest);
    else if (word === "version") seen.version = rest;
    else if (word === "note") seen.note = rest;
    else if (word === "lacks") seen.lacks.push(rest);
    else if (word === "restart") {
      await restart();
      child.stdin.write("restarted\n");
    }
  }
  return { status: await exited, ...seen };
}
