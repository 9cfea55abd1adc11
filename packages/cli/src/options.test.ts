import { Command } from "commander";
import { afterEach, describe, expect, test, vi } from "vitest";
import { addOptions } from "./options.ts";

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
