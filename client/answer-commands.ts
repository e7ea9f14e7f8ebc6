import type { Command } from 'commander';
import type { RunCommandName } from '../domain/run-commands.ts';
import type { AnswerOptions } from './commands/answer.ts';

/** How an operator's answer is written on the command line. */
interface AnswerVerb {
  readonly verb: string;
  readonly update: RunCommandName;
  readonly help: string;
  /** Positional arguments after the run's id, each a field of the Update. */
  readonly arguments: readonly string[];
  readonly options: readonly (keyof AnswerOptions)[];
}

export const answerVerbs: readonly AnswerVerb[] = [
  {
    verb: 'retry',
    update: 'retry',
    help: 'run a parked step again',
    arguments: ['step'],
    options: ['reason'],
  },
  {
    verb: 'skip',
    update: 'skip',
    help: 'give a parked step up and go on',
    arguments: ['step'],
    options: ['reason'],
  },
  {
    verb: 'force',
    update: 'force',
    help: 'run a parked step again, forced',
    arguments: ['step'],
    options: ['reason'],
  },
  {
    verb: 'accept',
    update: 'accept',
    help: 'accept what a refusal asks for, and run the step again',
    arguments: ['step', 'override'],
    options: ['reason', 'value'],
  },
  {
    verb: 'abort',
    update: 'abort',
    help: 'stop, and undo what can be undone',
    arguments: [],
    options: ['reason'],
  },
  {
    verb: 'approve',
    update: 'approve',
    help: 'approve the waiting run or step, for exactly this plan',
    arguments: [],
    options: ['digest', 'step', 'reason'],
  },
  {
    verb: 'decline',
    update: 'decline',
    help: 'decline the waiting run or step',
    arguments: [],
    options: ['step', 'reason'],
  },
  {
    verb: 'style',
    update: 'setStyle',
    help: 'make the steps that are still to start, or one of them, graceful or forced',
    arguments: ['style'],
    options: ['step', 'reason'],
  },
  { verb: 'commit', update: 'commit', help: 'end a hold: go on', arguments: [], options: ['step', 'reason'] },
  {
    verb: 'roll-back',
    update: 'rollBack',
    help: 'end a hold by undoing what can be undone',
    arguments: [],
    options: ['step', 'reason'],
  },
];

const optionTexts: { readonly [Name in keyof AnswerOptions]-?: readonly [flags: string, help: string] } = {
  reason: ['--reason <text>', 'why; kept in the record and the report'],
  by: ['--by <name>', 'who answers (default: the user of this shell)'],
  step: ['--step <id>', 'which step is meant'],
  digest: ['--digest <hex>', 'the digest of the plan, or its first 12 or more digits'],
  value: ['--value <text>', 'where the override carries more than a yes'],
};

/** Adds the verbs to a program. @param send carries out an answer */
export function addAnswerVerbs(
  program: Command,
  send: (
    update: RunCommandName,
    id: string,
    fields: { readonly [field: string]: string | undefined },
  ) => Promise<void>,
): void {
  for (const { verb, update, help, arguments: names, options } of answerVerbs) {
    const command = program.command(verb).description(help).argument('<run>', 'workflow id of the run');
    for (const name of names) command.argument(`<${name}>`);
    for (const option of [...options, 'by' as const]) command.option(...optionTexts[option]);
    command.action(async (...given: unknown[]) => {
      const [id, ...values] = given.slice(0, names.length + 1).map(String);
      const { digest, ...rest } = command.opts<AnswerOptions>();
      const positional = Object.fromEntries(names.map((name, index) => [name, values[index]]));
      await send(update, id ?? '', {
        ...positional,
        ...rest,
        ...(digest === undefined ? {} : { planDigest: digest }),
      });
    });
  }
}
