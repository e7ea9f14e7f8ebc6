import { createHash } from 'node:crypto';
import { documentDigestText } from '../../domain/datasource-document.ts';
import { parseDocument } from '../../domain/datasource-messages.ts';
import type { DatasourceDocument } from '../../domain/datasource.ts';

export interface ReadDocument {
  readonly document: DatasourceDocument;
  /** SHA-256 (hex) of what is acknowledged. */
  readonly digest: string;
}

/** Texts that were read last. The same one comes to every follower of the process. */
const lately = new Map<string, ReadDocument>();
const remembered = 8;

/** @throws MalformedMessage when the text is no datasource document */
export const readDocument = (content: string): ReadDocument =>
  lately.get(content) ?? remember(content, withDigest(parseDocument(content)));

export const withDigest = (document: DatasourceDocument): ReadDocument => ({
  document,
  digest: createHash('sha256').update(documentDigestText(document)).digest('hex'),
});

function remember(text: string, read: ReadDocument): ReadDocument {
  lately.set(text, read);
  for (const oldest of lately.keys()) {
    if (lately.size <= remembered) break;
    lately.delete(oldest);
  }
  return read;
}
