/** What a manifest store is built on: files with compare-and-set. */
export interface StoreFiles {
  /** For people: where it is. */
  readonly where: string;
  /** `tag` stands for exactly this content in `replace`. */
  read(key: string): Promise<{ readonly text: string; readonly tag: string } | undefined>;
  /** Writes a file that never changes: its name says what is in it. */
  writeOnce(key: string, text: string): Promise<void>;
  /** @returns false when the file is no longer what `tag` stands for; without a tag: when it is there at all */
  replace(key: string, text: string, tag: string | undefined): Promise<boolean>;
  list(prefix: string): Promise<readonly string[]>;
  remove(key: string): Promise<void>;
}
