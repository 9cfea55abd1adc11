import { setTimeout as sleep } from "node:timers/promises";
import type { Zone, ZoneNetworks } from "../harness/zone-networks.ts";
import { type Fault, leaders, type Pick } from "./fault.ts";
import type { ChaosWorld } from "./world.ts";

const DURATION_MS = 6_000;
const ZONES: readonly Zone[] = ["az-a", "az-b", "az-c"];

function networkFault(
  name: string,
  begin: (networks: ZoneNetworks, world: ChaosWorld, pick: Pick) => Promise<() => void> | (() => void),
  missing: (networks: ZoneNetworks) => string | undefined = () => undefined,
): Fault {
  return {
    name,
    missing: ({ networks }) => (networks === undefined ? "no network namespaces here" : missing(networks)),
    run: async (world, pick) => {
      if (world.networks === undefined) throw new Error("asked for without networks");
      const end = await begin(world.networks, world, pick);
      try {
        await sleep(DURATION_MS);
      } finally {
        end();
      }
    },
  };
}

/** All of them silent: packets vanish, connections stand. */
export const NETWORK_FAULTS: readonly Fault[] = [
  networkFault("cut off the zone of a shard leader", async (networks, { cluster }, pick) =>
    networks.isolate(pick(await leaders(cluster)).az as Zone),
  ),
  networkFault("a zone hears and is not heard", (networks, _world, pick) => networks.mute(pick(ZONES))),
  networkFault("two zones do not reach each other", (networks, _world, pick) => {
    const apart = pick(ZONES);
    const [one, other] = ZONES.filter((zone) => zone !== apart) as [Zone, Zone];
    return networks.separate(one, other);
  }),
  networkFault(
    "delay and loss on the way to a zone",
    (networks, _world, pick) => networks.degrade(pick(ZONES)),
    ({ hasNetem }) => (hasNetem ? undefined : "this kernel has no netem"),
  ),
];
