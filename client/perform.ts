import type { ClientConfig } from './config.ts';
import type { Ending } from './exit-codes.ts';
import type { Output } from './output.ts';

/** Carries a verb out: reads the environment, makes the output, and keeps how it ended. */
export type Perform = (work: (config: ClientConfig, output: Output) => Promise<Ending>) => Promise<void>;
