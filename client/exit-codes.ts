/** What the command's exit code says; docs/cli.md shows the same table, held equal by a test. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done; nothing to see to' },
  problems: { code: 1, meaning: 'problems were found, or the run was aborted or completed with skips' },
  usage: { code: 2, meaning: 'the command or its environment is wrong; nothing was sent' },
  refused: {
    code: 3,
    meaning: 'siteshift refused: the message says why; nothing was changed by this command',
  },
  needsOperator: {
    code: 4,
    meaning: 'the run waits for a person: parked, holding, or waiting for an approval',
  },
  unreachable: { code: 5, meaning: 'Temporal, or a worker, cannot be reached' },
} as const;

export type Ending = keyof typeof exitCodes;

/** Ends a command with a message and the code of `ending`. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly ending: Ending;
  constructor(ending: Ending, message: string, options?: ErrorOptions) {
    super(message, options);
    this.ending = ending;
  }
}
