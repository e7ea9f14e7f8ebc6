import { obtainKubernetesPrograms } from '../kubernetes/programs.ts';
import { obtainChromium } from './chromium.ts';
import { obtainEtcd } from './etcd.ts';
import { obtainHaproxy } from './haproxy.ts';
import { obtainMariadb } from './mariadb.ts';
import { obtainMysql } from './mysql.ts';
import { obtainNacos } from './nacos.ts';
import { checkPrerequisites } from './prerequisites.ts';
import { obtainTemporal } from './temporal.ts';

checkPrerequisites({ nacos: true, kubernetes: true, tests: true });

/**
 * Finds, fetches or builds every engine that the tests need. `npm test` does it before them, so that no test's time
 * limit includes a build. One after the other: each build uses all processors by itself.
 */
for (const obtain of [
  obtainHaproxy,
  obtainMariadb,
  obtainMysql,
  obtainChromium,
  obtainEtcd,
  obtainNacos,
  obtainTemporal,
  obtainKubernetesPrograms,
])
  await obtain(console.log);
