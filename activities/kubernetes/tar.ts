import { readBytes } from './byte-reader.ts';

/** One regular file of a tar archive. */
export interface TarFile {
  readonly path: string;
  readonly body: Buffer;
}

const BLOCK = 512;

/**
 * The regular files of a tar archive, with the long names of ustar, PAX and GNU. No more than one file of it is in
 * memory, and no more is taken than that: the archive may be larger than memory.
 * @param wants by the path; what is not wanted is passed over
 * @throws Error when the archive ends in the middle or a header does not check
 */
export async function* readTar(
  archive: AsyncIterable<Buffer>,
  wants: (path: string) => boolean,
): AsyncGenerator<TarFile> {
  const bytes = readBytes(archive, 'tar archive');
  try {
    for (let longName: string | undefined; ;) {
      const offset = bytes.passed();
      const header = await bytes.take(BLOCK);
      if (header.every((byte) => byte === 0)) break;
      checkHeader(header, offset);
      const size = octal(header, 124, 12);
      const type = String.fromCharCode(header[156] ?? 0);
      const path = longName ?? nameIn(header);
      const isName = type === 'L' || type === 'x';
      const isWanted = (type === '0' || type === '\0') && wants(path);
      const body = isName || isWanted ? await bytes.take(size) : Buffer.alloc(0);
      await bytes.skip(Math.ceil(size / BLOCK) * BLOCK - body.length);
      if (type === 'L') longName = text(body, 0, size);
      else if (type === 'x') longName = paxPath(body) ?? longName;
      else longName = undefined;
      if (isWanted) yield { path, body };
    }
    await bytes.finish(); // whatever packed it has its checksum at the very end
  } finally {
    await bytes.close();
  }
}

function checkHeader(header: Buffer, offset: number): void {
  const expected = octal(header, 148, 8);
  const seen = header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 32 : byte), 0);
  if (seen !== expected) {
    throw new Error(`tar header at byte ${offset} does not check: expected sum ${expected}, seen ${seen}`);
  }
}

function nameIn(header: Buffer): string {
  const prefix = text(header, 345, 155);
  const name = text(header, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** PAX records are "LENGTH key=value\n". */
const paxPath = (body: Buffer): string | undefined =>
  /(?:^|\n)\d+ path=([^\n]*)\n/.exec(body.toString('utf8'))?.[1];

function text(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? field.length : end).toString('utf8');
}

const octal = (bytes: Buffer, start: number, length: number): number =>
  Number.parseInt(text(bytes, start, length).trim() || '0', 8);
