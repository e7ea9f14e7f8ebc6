import type { RegisteredConsumer } from '../domain/datasource.ts';
import type { ConfigCenter } from '../domain/schema/inventory.ts';
import { openEtcd } from './etcd.ts';
import { openNacos } from './nacos.ts';
import type { StepTools } from './tools.ts';

/** Where one document lies in a center. */
export interface CenterKey {
  /** Nacos: dataId. etcd: full key. */
  readonly key: string;
  /** Nacos only. */
  readonly group: string;
}

export interface CenterContent {
  readonly content: string;
  /** What the next publish must name; it stands for this very content. */
  readonly token: string;
}

export type Published =
  | { readonly kind: 'published'; readonly token: string }
  /** Somebody else has written since the token was read; nothing was changed. */
  | { readonly kind: 'conflict' };

/** Whether compare-and-set does what it says, tried on a scratch key. */
export type CasVerdict =
  { readonly isReal: true; readonly how: string } | { readonly isReal: false; readonly why: string };

/** The same few acts for every kind of config center. Every call ends by itself within a few seconds. */
export interface ConfigCenterDriver {
  /** For messages: kind and address, e.g. `Nacos at http://nacos.example:8848/nacos`. */
  readonly where: string;
  /**
   * Whether the center tells its listeners at once. One that gathers changes first (Nacos, by a tick of 100 ms) is
   * overtaken: the collectors hand the document over as soon as it is published.
   */
  readonly tellsAtOnce: boolean;
  /** As fresh as the center can be asked; undefined when the key does not exist. */
  read(at: CenterKey): Promise<CenterContent | undefined>;
  /** @param expected token of what is to be replaced; undefined = the key must not exist */
  publish(at: CenterKey, content: string, expected: string | undefined): Promise<Published>;
  /** Who is alive and follows this datasource, and what each has applied as far as the registry knows. */
  consumers(datasource: string): Promise<readonly RegisteredConsumer[]>;
  probe(): Promise<CasVerdict>;
}

export function openConfigCenter(center: ConfigCenter, tools: StepTools): ConfigCenterDriver {
  return center.kind === 'etcd' ? openEtcd(center, tools) : openNacos(center, tools);
}
