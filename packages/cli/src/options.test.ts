import { Command } from "commander";
import { afterEach, describe, expect, test, vi } from "vitest";
import { accountId, addOptions, addressMap, httpUrl, integer, listening, name, reachable } from "./options.ts";

const ROWS = [
  { key: "insecure", default: false, help: "a flag" },
  { key: "restart", default: true, help: "a flag that is on" },
];

/** What a command with those rows is given. @throws Error with the message that people see */
async function optionsOf(...flags: string[]): Promise<unknown> {
  let options: unknown;
  const command = new Command("run")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action((given) => {
      options = given;
    });
  addOptions(command, ROWS);
  await command.parseAsync(flags, { from: "user" });
  return options;
}

describe("a flag's variable", () => {
  afterEach(() => void vi.unstubAllEnvs());

  test.each(["true", "1", "TRUE"])("%s is the flag", async (text) => {
    vi.stubEnv("MILLRACE_INSECURE", text);
    vi.stubEnv("MILLRACE_NO_RESTART", text);
    expect(await optionsOf()).toEqual({ insecure: true, restart: false });
  });

  test.each(["false", "0", ""])("'%s' is no flag", async (text) => {
    vi.stubEnv("MILLRACE_INSECURE", text);
    vi.stubEnv("MILLRACE_NO_RESTART", text);
    expect(await optionsOf()).toEqual({ insecure: false, restart: true });
    expect(await optionsOf("--insecure", "--no-restart")).toEqual({ insecure: true, restart: false });
  });

  test("anything else is refused", async () => {
    vi.stubEnv("MILLRACE_INSECURE", "maybe");
    await expect(optionsOf()).rejects.toThrow("MILLRACE_INSECURE must be true or false");
  });
});

test.each([
  [
    "listening",
    listening,
    ["127.0.0.1:0", "[::1]:4567", "node-1.zone_a.svc:65535"],
    ["h:65536", ":1", "h", "h:", "a b:1", "h:1x"],
  ],
  ["reachable", reachable, ["h:1"], ["h:0", "h:-1"]],
  ["name", name, ["broker-1", "a.b_c:d"], ["", "a b", "a,b", "a=b", "a/b", 'a"b', "a\n", "x".repeat(129)]],
  ["accountId", accountId, ["000000000000"], ["", "1", "00000000000a"]],
  ["httpUrl", httpUrl, ["http://h:4318", "https://h"], ["h:4318", "ftp://h", ""]],
  ["integer", integer(0, 100), ["0", "100"], ["", "0x10", "1e1", "1.0", "101", "-1"]],
  ["addressMap", addressMap, ["a=h:1,b=h:2"], ["a=h:1,a=h:2", "a=h:1,b=h:1", "h:1", "a=h:0", "=h:1", "a=b=h:1", ""]],
] as const)("%s takes what can be right, and refuses the rest before anything is started", (_, parse, good, bad) => {
  for (const text of good) expect(() => parse(text)).not.toThrow();
  for (const text of bad) expect(() => parse(text), text).toThrow();
});
