import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, YAMLError } from 'yaml';
import { problemAt } from './problem.ts';
import { bracketDepth, brokenRules, deepestNesting } from './yaml-rules.ts';
import type { Locate, Path, Position, Problem } from './problem.ts';

/** A file a person can write is far smaller; a larger one is a mistake or an attack. */
export const maximumBytes = 1024 * 1024;
/** How many nodes all aliases together may stand for: generous for a shared block, far below a YAML bomb. */
const maximumAliasCount = 100;

export interface YamlSource {
  readonly text: string;
  readonly data: unknown;
  readonly locate: Locate;
}

export type YamlResult =
  | { readonly ok: true; readonly source: YamlSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const start: Position = { line: 1, column: 1 };

/** Text or bytes to plain data and positions. Strict: UTF-8, one document, each key once, no unknown tags. */
export function readYaml(input: string | Uint8Array, file: string): YamlResult {
  const refuse = (expected: string, seen: string, position = start): YamlResult => ({
    ok: false,
    problems: [problemAt(file, position, [], expected, seen)],
  });
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  if (bytes.byteLength > maximumBytes)
    return refuse(`at most ${maximumBytes} bytes`, `${bytes.byteLength} bytes`);
  const text = decodeStrictly(bytes);
  if (text === undefined) return refuse('UTF-8 text', 'bytes that are not UTF-8');
  if (text.includes('\0')) return refuse('text', 'a NUL character', positionOf(text, text.indexOf('\0')));
  if (bracketDepth(text) > deepestNesting)
    return refuse(`at most ${deepestNesting} levels`, 'deeper nesting');
  return parse(text, file, refuse);
}

type Refuse = (expected: string, seen: string, position?: Position) => YamlResult;

function parse(text: string, file: string, refuse: Refuse): YamlResult {
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      uniqueKeys: false,
      version: '1.2',
      merge: false,
    });
    const syntax = [...document.errors, ...document.warnings];
    if (syntax.length > 0) return { ok: false, problems: syntaxProblems(syntax, file, text) };
    const broken = brokenRules(document).map(({ offset, expected, seen }) =>
      problemAt(file, positionOf(text, offset), [], expected, seen),
    );
    if (broken.length > 0) return { ok: false, problems: broken };
    const data: unknown = document.toJS({ maxAliasCount: maximumAliasCount });
    if (data === null) return refuse('a YAML map', 'an empty file');
    return { ok: true, source: { text, data, locate: locator(document, lines) } };
  } catch (error) {
    if (error instanceof ReferenceError)
      return refuse(`aliases that stand for at most ${maximumAliasCount} nodes`, 'more (a YAML bomb?)');
    if (error instanceof RangeError) return refuse(`at most ${deepestNesting} levels`, 'deeper nesting');
    throw error;
  }
}

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** After the first few, syntax errors are mostly consequences of the first. */
const mostSyntaxProblems = 5;

function syntaxProblems(errors: readonly YAMLError[], file: string, text: string): readonly Problem[] {
  const nesting = errors.find((error) => error.message.includes('call stack'));
  const told = nesting === undefined ? errors.slice(0, mostSyntaxProblems) : [nesting];
  return told.map((error) => syntaxProblem(error, file, text));
}

/** Says what the parser missed. The line itself is not quoted: it may be the one with a secret in it. */
function syntaxProblem(error: YAMLError, file: string, text: string): Problem {
  const position = positionOf(text, error.pos[0]);
  if (error.message.includes('call stack'))
    return problemAt(file, position, [], `at most ${deepestNesting} levels`, 'deeper nesting');
  if (error.code === 'MULTIPLE_DOCS') return problemAt(file, position, [], 'one document', 'a second one');
  const wanted = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  const after = text.slice(error.pos[0]).trimStart();
  const seen = after === '' ? 'the end of the file' : `something else at ${JSON.stringify(after[0])}`;
  return problemAt(file, position, [], `valid YAML (${wanted})`, seen);
}

/** The nearest place that exists: a value that is missing is reported where its parent stands. */
function locator(document: Document.Parsed, lines: LineCounter): Locate {
  const at = (node: Node | null | undefined): Position | undefined => {
    if (node?.range === undefined || node.range === null) return undefined;
    const { line, col } = lines.linePos(node.range[0]);
    return { line, column: col };
  };
  const step = (parent: unknown, part: string | number): { key: unknown; value: unknown } | undefined => {
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      return pair === undefined ? undefined : { key: pair.key, value: pair.value };
    }
    if (isSeq(parent) && typeof part === 'number' && part < parent.items.length)
      return { key: parent.items[part], value: parent.items[part] };
    return undefined;
  };
  return (path: Path, what = 'value') => {
    let found: { key: unknown; value: unknown } = { key: document.contents, value: document.contents };
    let missing = false;
    for (const part of path) {
      const next = step(found.value, part);
      missing = next === undefined;
      if (next === undefined) break;
      found = next;
    }
    const node = missing || what === 'key' ? found.key : (found.value ?? found.key);
    return (isNode(node) ? at(node) : undefined) ?? start;
  };
}
