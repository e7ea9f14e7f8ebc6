import { haproxyConfig } from '../../agents/gateway/haproxy-config.ts';
import { bucketCount, dataSites, userHeader } from '../sites/layout.ts';

const folder = '/var/lib/siteshift-gateway';
const appPort = 7100;

/**
 * The text of lab/compose/haproxy.cfg. Addresses are looked up again and again, because a container that is started
 * again may get another one, and the proxy starts even while a unit is down.
 */
export const composeHaproxyConfig = (): string =>
  [
    '# Printed by `node lab/compose/haproxy-config.ts`; a test holds the two equal.',
    'resolvers docker',
    '  nameserver dns 127.0.0.11:53',
    '  hold valid 1s',
    '',
    haproxyConfig({
      listen: { host: '0.0.0.0', port: 8080 },
      units: Object.fromEntries(
        dataSites.map((site) => [site, [{ name: `app-${site}`, host: `app-${site}`, port: appPort }]]),
      ),
      buckets: bucketCount,
      header: userHeader,
      unitsMap: `${folder}/units.map`,
      leaseMap: `${folder}/lease.map`,
      statsSocket: `${folder}/stats.sock`,
      checkEveryMs: 500,
    }).replaceAll(/^( {2}server .*)$/gm, '$1 resolvers docker init-addr last,libc,none'),
  ].join('\n');

if (import.meta.main) process.stdout.write(composeHaproxyConfig());
