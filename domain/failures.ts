/** One entry of the table of failures; docs/failures.md shows the same, held equal by a test. */
export interface FailureInfo {
  /** Temporal tries the activity again by itself, with back-off, until the step's bounds are reached. */
  readonly isRetryable: boolean;
  readonly meaning: string;
  readonly operatorDoes: string;
}

/** Every name a failure of ours can carry (ApplicationFailure.type): in the UI, in logs and in `temporal` output. */
export const failures = {
  InvalidRequest: {
    isRetryable: false,
    meaning:
      'The run was started with something other than a valid run request; nothing was looked at or changed.',
    operatorDoes: 'Correct the fields that the message lists and start again.',
  },
  InvalidInventory: {
    isRetryable: false,
    meaning: 'The inventory or the runbook that the worker reads cannot be read or is not valid.',
    operatorDoes:
      'Run `siteshift check` and correct the lines it names; the worker reads the files anew for each run.',
  },
  PlanRefused: {
    isRetryable: false,
    meaning:
      'The runbook does not compile for these sites and parameters, or a plan is malformed or not what its digest says; nothing was changed.',
    operatorDoes:
      'Correct the runbook or the request as the message says and start again; let `runRunbook` make the plan.',
  },
  CommandRefused: {
    isRetryable: false,
    meaning:
      'An Update came with a wrong payload or at a moment when the run cannot follow it; it left no trace.',
    operatorDoes: 'Read the message: it says what is possible now.',
  },
  TargetTrouble: {
    isRetryable: true,
    meaning:
      'A step met an error it has no rule for: a target that does not answer, a dropped connection, a defect.',
    operatorDoes:
      'Nothing while attempts are left. When the step parks as unknown: see to the target the message names, then retry.',
  },
  WorkerStopping: {
    isRetryable: true,
    meaning: 'The worker was asked to stop while the step ran; another one takes the step over.',
    operatorDoes: 'Nothing, as long as a worker runs; start one otherwise.',
  },
  UnknownStepKind: {
    isRetryable: true,
    meaning: 'The worker that got the step does not know its kind: it is older than the plan.',
    operatorDoes: 'Replace the old worker by the version that made the plan, then retry the step.',
  },
} as const satisfies { readonly [name: string]: FailureInfo };

export type FailureName = keyof typeof failures;
export const failureNames = Object.keys(failures) as readonly FailureName[];

/**
 * Makes a failure of a name out of Temporal's own class. It has no stack: the message says all that a person needs, and
 * Temporal's UI would show them the paths of a worker's machine below it.
 */
export function nameFailure<Failure extends Error>(
  create: (fields: {
    readonly type: FailureName;
    readonly message: string;
    readonly nonRetryable: boolean;
  }) => Failure,
  type: FailureName,
  message: string,
): Failure {
  const failure = create({ type, message, nonRetryable: !failures[type].isRetryable });
  failure.stack = '';
  return failure;
}

/** For Temporal's retry policy. */
export const nonRetryableFailures: readonly string[] = failureNames.filter(
  (name) => !failures[name].isRetryable,
);
