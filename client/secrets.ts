import { readFile } from 'node:fs/promises';
import type { Environment } from './config.ts';

/** Resolves env:NAME and file:PATH to find out whether it works; the value goes nowhere. */
export const secretReader =
  (environment: Environment) =>
  async (reference: string): Promise<string> => {
    if (reference.startsWith('file:')) return readFile(reference.slice('file:'.length), 'utf8');
    const value = environment[reference.slice('env:'.length)];
    if (value === undefined) throw new Error('not set');
    return value;
  };
