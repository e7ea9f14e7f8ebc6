import { list, mapping } from './object.ts';

/** What a message of a restore is worth to a person on call. */
export const messageClasses = [
  'exists', // it was there before: the normal case on a standby that is kept warm
  'log upload', // everything was restored, only the log could not be written
  'unreachable', // the API server was away for a moment: Velero tries no object twice, another restore does
  'missing kind',
  'missing namespace',
  'webhook',
  'quota',
  'forbidden',
  'other',
] as const;
export type MessageClass = (typeof messageClasses)[number];

export interface RestoreMessage {
  readonly level: 'warning' | 'error';
  /** Namespace, or `cluster` or `velero`. */
  readonly where: string;
  readonly class: MessageClass;
  readonly text: string;
}

const patterns: readonly (readonly [RegExp, MessageClass])[] = [
  [/already exists|the in-cluster version is different/i, 'exists'],
  [/(upload|put)[^.]*(restore|log|results)|(restore|log|results)[^.]*upload/i, 'log upload'],
  [
    /connection (refused|reset)|broken pipe|\bEOF\b|i\/o timeout|TLS handshake timeout|etcdserver|context deadline exceeded|currently unable to handle|in the time allotted|client connection lost|failed to get server groups/i,
    'unreachable',
  ],
  [
    /no matches for kind|the server could not find the requested resource|resource .* not found in discovery/i,
    'missing kind',
  ],
  [/namespaces? "[^"]*" not found/i, 'missing namespace'],
  [/failed calling webhook|admission webhook .* denied/i, 'webhook'],
  [/exceeded quota/i, 'quota'],
  [/forbidden|unauthorized/i, 'forbidden'],
];

export const classifyMessage = (text: string): MessageClass =>
  patterns.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';

/** Reads the results file of a restore: `{warnings|errors: {velero, cluster, namespaces: {name: […]}}}`. */
export function readResults(results: unknown): readonly RestoreMessage[] {
  return (['warning', 'error'] as const).flatMap((level) => {
    const { velero, cluster, namespaces } = mapping(mapping(results)[`${level}s`]);
    const read = (texts: unknown, where: string): RestoreMessage[] =>
      list(texts).map((text) => ({ level, where, class: classifyMessage(String(text)), text: String(text) }));
    return [
      ...read(velero, 'velero'),
      ...read(cluster, 'cluster'),
      ...Object.entries(mapping(namespaces)).flatMap(([name, texts]) => read(texts, name)),
    ];
  });
}

/** Errors that say that something was not restored; the counts decide in the end, these say why. */
export const realErrors = (messages: readonly RestoreMessage[]): readonly RestoreMessage[] =>
  messages.filter(
    ({ level, class: kind }) => level === 'error' && kind !== 'log upload' && kind !== 'exists',
  );

/** Whether objects are missing only because the server was away while it was their turn. */
export const wasInterrupted = (messages: readonly RestoreMessage[]): boolean =>
  messages.some(({ level, class: kind }) => level === 'error' && kind === 'unreachable');

/** One line a class, e.g. `error, webhook: 3, first in shop: failed calling…`. */
export function describeMessages(messages: readonly RestoreMessage[]): readonly string[] {
  const groups = Map.groupBy(messages, ({ level, class: kind }) => `${level}, ${kind}`);
  return [...groups].map(([title, members]) => {
    const first = members[0];
    return `${title}: ${members.length}, first in ${first?.where}: ${first?.text.slice(0, 200)}`;
  });
}
