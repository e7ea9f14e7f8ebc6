/** npm passes Ctrl-C on to a child that the terminal has told already: that one is not the user's second. */
const SAME_PRESS_MS = 1_000;

let isEnding = false;

/** From the signal on: whatever fails now fails because of it. */
export const isEndedBySignal = (): boolean => isEnding;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ctrl-C and `kill` close the lab, then end this process; a second one ends it at once, and the supervisor's exit
 * handler kills what is left. Call it as soon as there is something to close: a start takes longer than people wait.
 * @returns takes the handlers back
 */
export function closeOnSignals(close: () => Promise<void>, say: (line: string) => void): () => void {
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt > SAME_PRESS_MS) process.exit(exitCodeOf(signal));
      return;
    }
    firstAt = performance.now();
    isEnding = true;
    say(`${signal}: stopping everything (once more: kill it)`);
    // What was under way fails now, because what it talks to is being stopped: that is no news.
    process.on('uncaughtException', () => undefined);
    void close().then(
      () => process.exit(exitCodeOf(signal)),
      (error: unknown) => {
        say(`stopping failed: ${String(error)}`);
        process.exit(1);
      },
    );
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    if (firstAt === undefined) for (const signal of signals) process.off(signal, onSignal);
  };
}

/** As a shell reports a process that a signal ended. */
const exitCodeOf = (signal: NodeJS.Signals): number =>
  signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 129;
