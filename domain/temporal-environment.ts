type Environment = { readonly [name: string]: string | undefined };

const prefix = 'SITESHIFT_TEMPORAL_';
const known = [
  'ADDRESS',
  'NAMESPACE',
  'TASK_QUEUE',
  'API_KEY',
  'TLS',
  'TLS_CA',
  'TLS_CERT',
  'TLS_KEY',
  'TLS_SERVER_NAME',
].map((name) => `${prefix}${name}`);

/**
 * What is wrong with the variables that lead to Temporal, for worker and client alike. A mistyped name or value would
 * silently mean the default: another server, or no encryption.
 */
export function temporalProblems(environment: Environment): readonly string[] {
  const text = (name: string) => environment[`${prefix}${name}`] || undefined;
  const problems: string[] = [];
  const address = text('ADDRESS');
  if (address !== undefined && !/^\S+:\d{1,5}$/.test(address))
    problems.push(`${prefix}ADDRESS: expected host:port, seen ${JSON.stringify(address)}`);
  const tls = text('TLS') ?? 'false';
  if (tls !== 'true' && tls !== 'false')
    problems.push(`${prefix}TLS: expected true or false, seen ${JSON.stringify(tls)}`);
  if ((text('TLS_CERT') === undefined) !== (text('TLS_KEY') === undefined))
    problems.push(`${prefix}TLS_CERT and ${prefix}TLS_KEY: expected both or none`);
  for (const name of Object.keys(environment))
    if (name.startsWith(prefix) && !known.includes(name))
      problems.push(`${name}: unknown; known: ${known.join(', ')}`);
  return problems;
}
