import type { LocalCluster, Routes } from '../lib/cluster';
import { freePort } from '../lib/ports';
import { withLocalCluster, type Kind } from '../lib/scratch-broker';
import { createLeaders, type Leaders } from './leaders';
import type { Drill } from './drills';
import { startProxy, type Proxy } from './proxy';
import { createRandom } from './random';
import { exceeded, runDrill, type Result } from './run';
import { placeOf, type Stage } from './stage';

export type ClusterStage = Stage & {
  cluster: LocalCluster;
  leaders: Leaders;
  /** Says which partitions of `orders` the fault is about to hit; all of them if this is not called. */
  hits: (partitions: number[]) => void;
  /** Cuts one broker, `cutOff`, off from clients, from the other brokers and from the controllers, or heals that. */
  setCut: (isCut: boolean) => void;
};

/** A drill on three brokers. */
export type ClusterDrill = {
  name: string;
  what: string;
  perSecond: number;
  seconds: number;
  /** Part of the quick set that CI runs, and how many seconds of load it has there. */
  quickSeconds?: number;
  /** Stands behind proxies that can cut this broker off. */
  cutOff?: number;
  /** Beside what `Drill` may limit: the time without an accepted order of the partitions that were not hit. */
  limitMs?: Drill['limitMs'] & { others?: number };
  faults: (stage: ClusterStage) => Promise<number>;
};

export type ClusterResult = Result & { hitOutageMs: number; otherOutageMs: number };

const PARTITIONS = [0, 1, 2];
/** Enough for every order that waits for a partition without a leader: the load must not stand still because of them. */
const CONNECTIONS = 8_192;

/** Ports in front of everything that goes to the broker `id` and of what its controller says to the others. */
const createCut = (id: number) => {
  const proxies: Proxy[] = [];
  const through = async (targetPort: number): Promise<number> => {
    const listenPort = await freePort();
    proxies.push(await startProxy({ listenPort, targetPort }));
    return listenPort;
  };
  const routes: Routes = {
    client: async (to, port) => (to === id ? through(port) : port),
    controller: async (from, to, port) => (from === id || to === id ? through(port) : port),
  };
  return {
    routes,
    setCut: (isCut: boolean): void => {
      for (const proxy of proxies) proxy.setCut(isCut);
    },
    close: (): void => {
      for (const proxy of proxies) proxy.close();
    },
  };
};

/** Plays a drill on a cluster in which all is well: each broker leads one partition of `orders`, every replica is in sync. */
const playOn = async (
  cluster: LocalCluster, drill: ClusterDrill, seed: number, setCut: ClusterStage['setCut'],
): Promise<ClusterResult> => {
  let hit = PARTITIONS;
  const others = (): number[] => PARTITIONS.filter((partition) => !hit.includes(partition));
  const outages = { hitOutageMs: 0, otherOutageMs: 0 };
  await cluster.start();
  const on = { ...placeOf(cluster), random: createRandom(seed), connections: CONNECTIONS };
  const result = await runDrill(drill, on, async (stage) => {
    const leaders = createLeaders({ reach: cluster.reach, topics: Object.values(stage.topics) });
    await leaders.untilInSync();
    const leading = new Set((await leaders.placed([stage.topics.orders])).map(({ leader }) => leader));
    if (leading.size < cluster.nodes.length) throw new Error(`orders is led by ${leading.size} of ${cluster.nodes.length} brokers`);
    const faults = await drill.faults({ ...stage, cluster, leaders, setCut, hits: (partitions) => void (hit = partitions) });
    await leaders.untilInSync();
    return faults;
  }, ({ load }) => {
    Object.assign(outages, { hitOutageMs: load.longestOutageOf(hit), otherOutageMs: load.longestOutageOf(others()) });
    return exceeded('no order of a partition that was not hit was accepted', outages.otherOutageMs, drill.limitMs?.others);
  });
  return { ...result, ...outages };
};

/** Plays drills one after the other on one cluster; those that cut a broker off have one of their own. */
export const playClusterDrills = async (
  drills: ClusterDrill[], seed: number, kind: Kind, tell: (result: ClusterResult) => void,
): Promise<void> => {
  const announce = ({ name, what }: ClusterDrill): void => console.log(`${name}: ${what}`);
  const shared = drills.filter(({ cutOff }) => cutOff === undefined);
  if (shared.length > 0) await withLocalCluster(async (cluster) => {
    for (const drill of shared) {
      announce(drill);
      tell(await playOn(cluster, drill, seed, () => undefined));
    }
  }, kind);
  for (const drill of drills) {
    if (drill.cutOff === undefined) continue;
    announce(drill);
    const { routes, setCut, close } = createCut(drill.cutOff);
    try {
      tell(await withLocalCluster((cluster) => playOn(cluster, drill, seed, setCut), { ...kind, routes }));
    } finally {
      close();
    }
  }
};
