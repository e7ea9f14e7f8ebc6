import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The last lines of a log, indented for an error message. Reads the end of the file only. */
export function logTail(file: string, lines = 15): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return '  (no log)';
  }
  try {
    const size = fstatSync(descriptor).size;
    const buffer = Buffer.alloc(Math.min(size, 16 * 1024));
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    const tail = buffer.toString('utf8').trimEnd().split('\n').slice(-lines);
    return tail.map((line) => `  | ${line}`).join('\n');
  } finally {
    closeSync(descriptor);
  }
}
