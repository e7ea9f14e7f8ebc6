import { setHandler, type ApplicationFailure } from '@temporalio/workflow';
import type { UpdateDefinition } from '@temporalio/common';
import { commandRefusal } from '../domain/judge-command.ts';
import {
  commandFields,
  commandProblems,
  type RunCommandName,
  type RunCommands,
} from '../domain/run-commands.ts';
import * as messages from './messages.ts';
import { namedFailure } from './named-failure.ts';
import type { PlanRun } from './plan-run.ts';

/** What each Update does; the UI lists these beside the names. */
const purposes: { readonly [Name in RunCommandName]: string } = {
  approve: 'Approves the waiting approve step, for exactly this plan.',
  decline: 'Declines the waiting approve step: it parks.',
  retry: 'Runs a parked step again (or undoes it again, while aborting). It looks at the target first.',
  skip: 'Gives a parked step up and goes on with what needs it; the run ends as completed with skips.',
  force: 'Runs a parked step again, forced: it accepts what its kind says that forced accepts.',
  accept: 'Answers a refusal by its override (e.g. acceptLoss) and runs the parked step again.',
  abort: 'Stops, and undoes the reversible steps in reverse order; refused after a point of no return.',
  setStyle: 'Switches the steps that are still to start, or the one named, to graceful or forced.',
  commit: 'Ends a hold: the run goes on.',
  rollBack: 'Ends a hold by undoing the reversible steps in reverse order.',
};

const updates = {
  approve: messages.approveUpdate,
  decline: messages.declineUpdate,
  retry: messages.retryUpdate,
  skip: messages.skipUpdate,
  force: messages.forceUpdate,
  accept: messages.acceptUpdate,
  abort: messages.abortUpdate,
  setStyle: messages.setStyleUpdate,
  commit: messages.commitUpdate,
  rollBack: messages.rollBackUpdate,
};

export const refuseCommand = (message: string): ApplicationFailure => namedFailure('CommandRefused', message);

/** Registers every Update. The validators are synchronous: an async one would never reject anything. */
export function handleOperatorUpdates(run: PlanRun): void {
  for (const name of Object.keys(updates) as RunCommandName[]) handleUpdate(run, name);
}

type AnyCommand = RunCommands[RunCommandName];

function handleUpdate(run: PlanRun, name: RunCommandName): void {
  const update = updates[name] as UpdateDefinition<string, [AnyCommand]>;
  const follow = (command: AnyCommand): string => {
    run.command(name, command);
    return followed(name, command);
  };
  setHandler(update, follow, {
    description: describe(name, purposes[name]),
    validator: (command) => {
      checkPayload(name, command);
      const refusal = commandRefusal(run.current, name, command);
      if (refusal !== undefined) throw refuseCommand(refusal);
    },
  });
}

export function checkPayload(name: RunCommandName, command: unknown): void {
  const problems = commandProblems(name, command);
  if (problems.length > 0) throw refuseCommand(problems.join('\n'));
}

/** The description ends with the payload, so that it can be filled in from the UI alone. */
export function describe(name: RunCommandName, purpose: string): string {
  const fields = Object.entries(commandFields[name]).map(
    ([field, rule]) =>
      `"${field}": "${rule === 'style' ? 'graceful|forced' : rule === 'optional' ? '(optional)' : '…'}"`,
  );
  return `${purpose} Payload: {${fields.join(', ')}}`;
}

function followed(name: RunCommandName, command: AnyCommand): string {
  const step = 'step' in command && command.step !== undefined ? ` ${command.step}` : '';
  return `${name}${step}: accepted; the status shows what comes of it`;
}
