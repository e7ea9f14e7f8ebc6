import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join, basename } from 'node:path';
import type { DatasourceDocument } from '../../domain/datasource.ts';
import { parseDocument } from '../../domain/datasource-messages.ts';

/**
 * The last document on disk. It serves two ends: a start while no config center answers, and a floor under the epoch,
 * so that a center that lost its newest data cannot lead a restarted process back.
 */
export class SnapshotFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
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

  /** In the order of the calls. A reader finds the old document or the new one, never a part. */
  write(document: DatasourceDocument): Promise<void> {
    const written = this.#writing.then(() => this.#replace(JSON.stringify(document)));
    this.#writing = written.catch(() => undefined);
    return written;
  }

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
