import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Supervised, Supervisor } from '../process/supervise.ts';

export interface NacosProgram {
  readonly java: string;
  /** Folder of the server's jars and our launcher's. */
  readonly jars: string;
  /** Options of the virtual machine that go with these jars. */
  readonly javaOptions: readonly string[];
}

/** A standalone Nacos. Its content in `home` survives kill and restart. It listens on P, P+1000, P+1001 and P-1000. */
export function startNacos(
  supervisor: Supervisor,
  program: NacosProgram,
  options: {
    readonly name: string;
    readonly home: string;
    readonly port: number;
    readonly stopWithinMs?: number;
  },
): Promise<Supervised> {
  const { name, home, port } = options;
  mkdirSync(join(home, 'conf'), { recursive: true });
  writeFileSync(join(home, 'conf', 'application.properties'), properties(port));
  return supervisor.start({
    name,
    command: program.java,
    args: [
      ...program.javaOptions,
      '-Xms64m',
      '-Xmx192m',
      '-Xss512k',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dnacos.standalone=true',
      `-Dnacos.home=${home}`,
      `-Dnacos.server.main.port=${port}`,
      `-Dspring.config.additional-location=file:${home}/conf/`,
      `-Duser.home=${home}`,
      // Derby would sync the disk at every commit; the config center's content is not what the lab measures loss on.
      '-Dderby.system.durability=test',
      '-Dlogging.config=classpath:META-INF/logback/nacos.xml',
      '-cp',
      join(program.jars, '*'),
      'siteshift.lab.NacosLauncher',
    ],
    cwd: home,
    ports: { http: port, grpc: port + 1000, grpcCluster: port + 1001, raft: port - 1000 },
    ready: () => checkReady(port),
    readyWithinMs: 120_000,
    stopWithinMs: options.stopWithinMs ?? 10_000,
  });
}

async function checkReady(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/nacos/v3/admin/core/state/readiness`;
  const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
  const body = await response.text();
  if (!response.ok)
    throw new Error(`${url}: expected status 200, seen ${response.status} ${body.slice(0, 200)}`);
}

/** Open on loopback and with the old HTTP APIs on; the keys are required even where authentication is off. */
function properties(port: number): string {
  const settings = {
    'nacos.server.main.port': port,
    'nacos.server.contextPath': '/nacos',
    'nacos.inetutils.ip-address': '127.0.0.1',
    'nacos.core.auth.enabled': false,
    'nacos.core.auth.admin.enabled': false,
    'nacos.core.auth.console.enabled': false,
    'nacos.core.auth.system.type': 'nacos',
    'nacos.core.auth.server.identity.key': 'siteshift',
    'nacos.core.auth.server.identity.value': 'lab',
    'nacos.core.auth.plugin.nacos.token.secret.key': Buffer.from(
      'only-for-the-lab-on-loopback-0123456789',
    ).toString('base64'),
    'nacos.core.auth.plugin.nacos.token.expire.seconds': 18_000,
    'nacos.core.api.compatibility.client.enabled': true,
    'nacos.core.api.compatibility.console.enabled': true,
    'nacos.core.api.compatibility.admin.enabled': true,
    'nacos.istio.mcp.server.enabled': false,
    'nacos.k8s.sync.enabled': false,
    'management.metrics.export.elastic.enabled': false,
    'management.metrics.export.influx.enabled': false,
    'management.elastic.metrics.export.enabled': false,
    'management.influx.metrics.export.enabled': false,
    'server.error.include-message': 'ALWAYS',
    'server.tomcat.accesslog.enabled': false,
  };
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}
