import { WrongArguments } from '../tell-errors.ts';
import { resolve } from 'node:path';

/** One Temporal with the worker that works for it: as in the lab, or with something changed. */
export interface StepsSide {
  readonly name: string;
  /** Another version of the product whose worker it is; absent: this one's. */
  readonly checkout?: string;
  readonly dynamicConfig: Readonly<Record<string, string | number | boolean>>;
  readonly sqlitePragmas: Readonly<Record<string, string>>;
  /** Of the server. */
  readonly environment: Readonly<Record<string, string>>;
}

const labSide: StepsSide = { name: 'lab', dynamicConfig: {}, sqlitePragmas: {}, environment: {} };

const pragmaPrefix = 'sqlite:';
const environmentPrefix = 'env:';

/**
 * The lab's settings, and one side more for each `--against KEY=VALUE`: a key of Temporal's dynamic configuration, a
 * pragma of its database written `sqlite:NAME=VALUE`, a variable of its environment written `env:NAME=VALUE`, or
 * `checkout=FOLDER` for the worker of another version of the product. Joined by `,` they make one side.
 */
export function sidesOf(against: readonly string[]): readonly StepsSide[] {
  return [labSide, ...against.map(sideWith)];
}

function sideWith(text: string): StepsSide {
  const dynamicConfig: Record<string, string | number | boolean> = {};
  const sqlitePragmas: Record<string, string> = {};
  const environment: Record<string, string> = {};
  let checkout: string | undefined;
  for (const setting of text.split(',')) {
    const [key = '', value = '', ...rest] = setting.split('=');
    if (key === '' || value === '' || rest.length > 0) {
      throw new WrongArguments(
        `--against: expected KEY=VALUE, sqlite:PRAGMA=VALUE, env:NAME=VALUE or checkout=FOLDER, seen ${JSON.stringify(setting)}`,
      );
    }
    if (key === 'checkout') checkout = resolve(value);
    else if (key.startsWith(pragmaPrefix)) sqlitePragmas[key.slice(pragmaPrefix.length)] = value;
    else if (key.startsWith(environmentPrefix)) environment[key.slice(environmentPrefix.length)] = value;
    else dynamicConfig[key] = valueOf(value);
  }
  return {
    name: text,
    dynamicConfig,
    sqlitePragmas,
    environment,
    ...(checkout === undefined ? {} : { checkout }),
  };
}

/** A number, true or false where it reads like one; anything else is a text, e.g. a duration. */
function valueOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
