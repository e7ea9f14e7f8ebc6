import type { ObservedPush } from '../domain/datasource-decisions.ts';
import type { ConnectedConsumer, RegisteredConsumer } from '../domain/datasource.ts';
import type { PushDatasourceParameters } from '../domain/step-parameters.ts';
import { collectorClient } from './collector-client.ts';
import { gatherInTime } from './gather-in-time.ts';
import { within, type PushTarget } from './push-targets.ts';
import type { StepTools } from './tools.ts';

/** A collector that is silent for longer is done without: it is the second witness, not the first. */
const collectorMs = 1_000;
const namedConsumers = 20;

export type CountedConsumers = Pick<ObservedPush, 'registriesRead' | 'live' | 'missing' | 'missingCount'>;

/** A registry that cannot be read is no reason to wait here: its center is looked at beside it. */
export async function registryOf(
  { center, driver }: PushTarget,
  datasource: string,
  boundMs: number,
  tools: StepTools,
): Promise<readonly RegisteredConsumer[] | undefined> {
  try {
    return await within(boundMs, driver.consumers(datasource));
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.debug({ center, error: String(error) }, 'the registry cannot be read');
    return undefined;
  }
}

/**
 * Who is connected to the collectors: a registry that has just restarted is empty until everybody has registered again,
 * and whoever stands only here is no less alive.
 * @param enough what is looked at anyway: users wait, so nothing is waited for beyond it
 */
export async function connectedTo(
  { parameters: { name, collectors } }: { readonly parameters: PushDatasourceParameters },
  enough: Promise<unknown> | undefined,
  tools: StepTools,
): Promise<ReadonlyMap<string, readonly ConnectedConsumer[]>> {
  const looks = Object.entries(collectors).map(([collector, at]) => ({
    look: connectedToOne(collector, collectorClient(collector, at, tools).consumers(name), tools),
    late: undefined,
  }));
  const found = await gatherInTime(looks, enough ?? new Promise(() => undefined), 0);
  return new Map(found.filter((one) => one !== undefined));
}

async function connectedToOne(
  collector: string,
  asked: Promise<readonly ConnectedConsumer[]>,
  tools: StepTools,
): Promise<readonly [string, readonly ConnectedConsumer[]] | undefined> {
  try {
    return [collector, await within(collectorMs, asked)];
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.debug({ collector, error: String(error) }, 'the collector does not say who is connected');
    return undefined;
  }
}

/** Everybody who lives, and who of them is not known to run on what is wanted; '' = nothing is. */
export function countConsumers(
  registries: ReadonlyMap<string, readonly RegisteredConsumer[]>,
  connected: ReadonlyMap<string, readonly ConnectedConsumer[]>,
  wanted: string,
): CountedConsumers {
  const digests = new Map([...connected.values()].flat().map(({ consumer }) => [consumer, '']));
  for (const { consumer, digest } of [...registries.values()].flat()) digests.set(consumer, digest);
  const missing = [...digests]
    .filter(([, digest]) => wanted === '' || digest !== wanted)
    .map(([consumer]) => consumer)
    .sort();
  return {
    registriesRead: [...registries.keys()],
    live: digests.size,
    missing: missing.slice(0, namedConsumers),
    missingCount: missing.length,
  };
}
