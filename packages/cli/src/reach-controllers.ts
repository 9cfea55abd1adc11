import { connectControllers, type ControllerConnection } from "@millrace/client";
import { errorMessage, realWorld, silentLogger } from "@millrace/util";
import type { ControllersTarget } from "./controllers-of.ts";
import { whyUnreachable } from "./why-unreachable.ts";

/** A connection for one command of an operator. @throws Error in words for people */
export async function withControllers<T>(
  target: ControllersTarget,
  run: (controllers: ControllerConnection) => Promise<T>,
): Promise<T> {
  const { controllers: addresses, nodeCredentials } = target;
  const { clock, random } = realWorld();
  const controllers = connectControllers({ addresses, clock, random, logger: silentLogger, nodeCredentials });
  try {
    return await run(controllers);
  } catch (error) {
    throw new Error((await whyUnreachable(target, error)) ?? errorMessage(error), { cause: error });
  } finally {
    controllers.close();
  }
}

/** The command's id: what it does is done once, however often it is sent. */
export const newCommandId = (): string => realWorld().random.bytes(16).toString("hex");
