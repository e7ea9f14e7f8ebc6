import type { Json } from '../json.ts';

/** A history as `temporal workflow show -o json`, the UI and the client write it. */
export interface History {
  readonly events: readonly object[];
}

type Attributes = { readonly [name: string]: unknown };

/** One event, with its attributes under their one name; payloads are still encoded. */
export interface HistoryEvent {
  readonly id: number;
  /** ms since 1970, the server's clock. */
  readonly at: number;
  /** e.g. `activityTaskScheduled`. */
  readonly type: string;
  readonly attributes: Attributes;
  /** The summary that the timeline of the UI shows. */
  readonly summary?: string;
}

const attributesSuffix = 'EventAttributes';

export function eventsOf(history: History): readonly HistoryEvent[] {
  return history.events.map((raw) => {
    const event = raw as Attributes;
    const key = Object.keys(event).find((name) => name.endsWith(attributesSuffix)) ?? '';
    const summary = decodePayload(member(event['userMetadata'], 'summary'));
    return {
      id: Number(event['eventId'] ?? 0),
      at: Date.parse(String(event['eventTime'])),
      type: key.slice(0, -attributesSuffix.length),
      attributes: asAttributes(event[key]),
      ...(typeof summary === 'string' ? { summary } : {}),
    };
  });
}

export const asAttributes = (value: unknown): Attributes =>
  value !== null && typeof value === 'object' ? (value as Attributes) : {};

/** A member at the end of a path of names and indexes; undefined where the path ends early. */
export function member(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) found = asAttributes(found)[name];
  return found;
}

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Id of an earlier event that an event refers to. */
export const idOf = (event: HistoryEvent, name: string): number => Number(event.attributes[name] ?? 0);

/** The first of a list of payloads, decoded. */
export const decodeFirst = (payloads: unknown): Json | undefined =>
  decodePayload((member(payloads, 'payloads') as readonly unknown[] | undefined)?.[0]);

/**
 * A payload of encoding json/plain. Anything else (encrypted, compressed) is undefined: the report then says that it
 * could not be read, instead of guessing.
 */
export function decodePayload(payload: unknown): Json | undefined {
  const encoding = textOf(member(payload, 'metadata', 'encoding'));
  const data = textOf(member(payload, 'data'));
  if (encoding === undefined || decodeBase64(encoding) !== 'json/plain' || data === undefined)
    return undefined;
  return JSON.parse(decodeBase64(data)) as Json;
}

const decodeBase64 = (text: string): string =>
  new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));

/** The innermost message of a failure: the outer ones say only that an activity failed. */
export function failureMessage(failure: unknown): string {
  const cause = member(failure, 'cause');
  return cause === undefined || cause === null
    ? (textOf(member(failure, 'message')) ?? 'failed without a message')
    : failureMessage(cause);
}
