/** One regular file of a tar archive. */
export interface TarFile {
  readonly path: string;
  readonly body: Buffer;
}

const BLOCK = 512;

/**
 * The regular files of a tar archive, with the long names of ustar, PAX and GNU.
 * @throws Error when the archive ends in the middle or a header does not check
 */
export function* readTar(archive: Buffer): Generator<TarFile> {
  let longName: string | undefined;
  let offset = 0;
  while (offset + BLOCK <= archive.length) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    checkHeader(header, offset);
    const size = octal(header, 124, 12);
    const body = archive.subarray(offset + BLOCK, offset + BLOCK + size);
    if (body.length < size) break;
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'L') longName = text(body, 0, size);
    else if (type === 'x') longName = paxPath(body) ?? longName;
    else {
      const path = longName ?? nameIn(header);
      longName = undefined;
      if (type === '0' || type === '\0') yield { path, body };
    }
  }
  throw new Error(`tar archive ends at byte ${archive.length} in the middle: expected its end mark`);
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
