import { registryGroup, registryService } from '../../domain/datasource-document.ts';
import type { RegisteredConsumer } from '../../domain/datasource.ts';
import type { Registration } from './center-session.ts';

/** The registry is the slow way: it must not take part in the moment of the switch. */
const gatherMs = 300;

/** An ephemeral instance stands for one consumer; its metadata say what it has applied. Values are texts. */
export interface NacosInstance {
  readonly ip: string;
  readonly port: number;
  readonly metadata: { readonly [name: string]: string };
}

/** What the registry needs of a connection: all instances of one service that this process stands for. */
export type PutInstances = (
  service: { serviceName: string; groupName: string },
  instances: readonly NacosInstance[],
) => Promise<void>;

/** Entries of this process, by service; changes go in batches, and all of them after each connection. */
export class NacosRegistry {
  readonly #services = new Map<string, Map<string, RegisteredConsumer>>();
  readonly #changed = new Set<string>();
  readonly #failed: (error: unknown) => void;
  #put: PutInstances | undefined;
  #flushing: Promise<void> | undefined;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  register(entry: RegisteredConsumer): Registration {
    const { datasource, consumer } = entry;
    const entries = this.#services.get(datasource) ?? new Map<string, RegisteredConsumer>();
    this.#services.set(datasource, entries);
    const update = (changed: RegisteredConsumer) => {
      entries.set(consumer, changed);
      this.#changed.add(datasource);
      this.#flush();
    };
    update(entry);
    return {
      update,
      remove: async () => {
        entries.delete(consumer);
        this.#changed.add(datasource);
        this.#flush();
        await this.#flushing;
      },
    };
  }

  /** A connection is there (or gone): what it is told belongs to it alone, so it is told everything. */
  connected(put: PutInstances | undefined): void {
    this.#put = put;
    for (const datasource of this.#services.keys()) this.#changed.add(datasource);
    this.#flush();
  }

  #flush(): void {
    if (this.#flushing !== undefined || this.#put === undefined) return;
    this.#flushing = this.#putChanged().finally(() => {
      this.#flushing = undefined;
    });
  }

  async #putChanged(): Promise<void> {
    while (this.#changed.size > 0 && this.#put !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, gatherMs));
      const datasources = [...this.#changed];
      this.#changed.clear();
      for (const datasource of datasources) await this.#putService(datasource);
    }
  }

  async #putService(datasource: string): Promise<void> {
    const instances = [...(this.#services.get(datasource)?.values() ?? [])].map(instanceOf);
    try {
      await this.#put?.({ serviceName: registryService(datasource), groupName: registryGroup }, instances);
    } catch (error) {
      this.#changed.add(datasource);
      this.#put = undefined; // until the next connection
      this.#failed(error);
    }
  }
}

/**
 * The consumer's name stands where an address is expected: nobody calls these instances, and addresses of containers
 * repeat from host to host, which would make two consumers one.
 */
function instanceOf(entry: RegisteredConsumer): NacosInstance {
  const { epoch, refused, ...texts } = entry;
  const metadata = { ...texts, epoch: String(epoch), ...(refused === undefined ? {} : { refused }) };
  return { ip: entry.consumer, port: 1, metadata };
}
