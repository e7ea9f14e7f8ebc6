import { isMap, parseAllDocuments, type Document } from 'yaml';
import { findingsOf, type ManifestFinding } from '../../domain/kubernetes/manifest-findings.ts';
import { list, mapping, type KubernetesObject } from '../../domain/kubernetes/object.ts';

/** Manifests as people write them: YAML or JSON, several documents, `kind: List`, or a store's bundle. */
export function parseManifests(
  text: string,
  where: string,
): { readonly objects: readonly KubernetesObject[]; readonly findings: readonly ManifestFinding[] } {
  // Aliases are cut off early: a few lines of them can stand for gigabytes.
  const documents = parseAllDocuments(text, { uniqueKeys: true, prettyErrors: false });
  if (!Array.isArray(documents)) return { objects: [], findings: [] };
  const findings: ManifestFinding[] = [];
  const objects: KubernetesObject[] = [];
  for (const document of documents) {
    const errors = document.errors.map((error) => ({
      object: where,
      problem: explain(document, error, text),
    }));
    findings.push(...errors);
    if (errors.length > 0 || document.contents === null) continue;
    const value = toPlain(document);
    if (value === undefined) {
      findings.push({ object: where, problem: 'YAML aliases that stand for too much: write it out' });
      continue;
    }
    const members = mapping(value);
    const inner =
      members['kind'] === 'List'
        ? list(members['items'])
        : 'objects' in members
          ? list(members['objects'])
          : [value];
    for (const object of inner) {
      const found = findingsOf(object, where);
      findings.push(...found);
      if (found.length === 0) objects.push(object as KubernetesObject);
    }
  }
  return { objects, findings };
}

function toPlain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}

function explain(
  document: Document,
  error: { readonly code: string; readonly message: string; readonly pos: readonly [number, number] },
  text: string,
): string {
  const line = text.slice(0, error.pos[0]).split('\n').length;
  if (error.code !== 'DUPLICATE_KEY') return `line ${line}: ${error.message.split('\n')[0]}`;
  const key = /^\s*"?([^":\n]+)"?\s*:/.exec(text.slice(error.pos[0]))?.[1];
  const named = key ?? (isMap(document.contents) ? 'a key' : 'it');
  return `line ${line}: the key "${named}" stands twice in one mapping`;
}
