export {
  CommandInterrupted,
  CONTROLLER_GROUP_ID,
  ControllerNode,
  type ControllerNodeOptions,
  NotControllerLeader,
} from "./node.ts";
export { type ControllerOptions, type RunningController, startController } from "./server.ts";
