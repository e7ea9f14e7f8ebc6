import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocument } from '../../domain/datasource-messages.ts';
import type { DatasourceDocument } from '../../domain/datasource.ts';

/** Writing waits for a moment: a disk that syncs a thousand files at once would hold up the switch itself. */
const settleMs = 500;

/**
 * The last document on disk. It serves two ends: a start while no config center answers, and a floor under the epoch,
 * so that a center that lost its newest data cannot lead a restarted process back.
 */
export class SnapshotFile {
  readonly #path: string;
  readonly #failed: (error: unknown) => void;
  #latest: DatasourceDocument | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string, failed: (error: unknown) => void) {
    this.#path = path;
    this.#failed = failed;
  }

  /** @throws Error when there is a file that cannot be used; undefined when there is none */
  async read(): Promise<DatasourceDocument | undefined> {
    let content: string;
    try {
      content = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return parseDocument(content);
  }

  /** Soon; of several documents in a row the last one. */
  keep(document: DatasourceDocument): void {
    this.#latest = document;
    this.#writing ??= this.#writeSoon();
  }

  /** Once everything is on disk. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeSoon(): Promise<void> {
    await sleep(settleMs * (1 + 2 * Math.random()));
    while (this.#latest !== undefined) {
      const document = this.#latest;
      this.#latest = undefined;
      await this.#replace(JSON.stringify(document)).catch(this.#failed);
    }
    this.#writing = undefined;
  }

  /** A reader finds the old document or the new one, never a part. */
  async #replace(content: string): Promise<void> {
    const folder = dirname(this.#path);
    const temporary = join(folder, `.${basename(this.#path)}.${process.pid}`);
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
  }
}
