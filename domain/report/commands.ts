import type { RunCommandName, RunCommands } from '../run-commands.ts';
import { commandNames } from '../run-commands.ts';
import { decodeFirst, member, textOf } from './history-events.ts';
import type { HistoryEvent } from './history-events.ts';

/** An operator's answer that the run accepted; a rejected one leaves no event. */
export interface GivenCommand {
  readonly name: RunCommandName;
  readonly payload: RunCommands[RunCommandName];
  readonly at: number;
  readonly event: number;
  /** What the sender's Temporal client called itself; unlike `by`, people do not type it. */
  readonly identity: string;
}

/** Accepted Updates, in their order. After a reset, the request stands in an event of its own. */
export function commandsOf(events: readonly HistoryEvent[]): readonly GivenCommand[] {
  const admitted = new Map(
    events
      .filter((event) => event.type === 'workflowExecutionUpdateAdmitted')
      .map((event) => [
        textOf(member(event.attributes, 'request', 'meta', 'updateId')),
        event.attributes['request'],
      ]),
  );
  return events
    .filter((event) => event.type === 'workflowExecutionUpdateAccepted')
    .flatMap((event) => {
      const request =
        event.attributes['acceptedRequest'] ?? admitted.get(textOf(event.attributes['protocolInstanceId']));
      const name = commandNames.find((known) => known === member(request, 'input', 'name'));
      const payload = decodeFirst(member(request, 'input', 'args'));
      if (name === undefined || payload === undefined) return [];
      const identity = textOf(member(request, 'meta', 'identity')) ?? 'not recorded';
      return [
        {
          name,
          payload: payload as unknown as GivenCommand['payload'],
          at: event.at,
          event: event.id,
          identity,
        },
      ];
    });
}
