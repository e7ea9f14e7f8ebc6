import { createConnection, type Connection } from 'mysql2/promise';
import { schema } from '../sites/layout.ts';
import type { LabCluster } from '../sites/start-databases.ts';

const hangsAfterMs = 500;

/** Writes of the watch's own, which tell whether a node that is open also acknowledges. */
export class Probes {
  /** Nodes whose probe has not been answered yet; there is one at a time. */
  readonly #hanging = new Map<string, Connection>();

  /** The nodes but those whose write hangs. One that answers, in whatever words, is not hanging. */
  async withoutHanging(cluster: LabCluster, names: readonly string[]): Promise<readonly string[]> {
    const answers = await Promise.all(
      names.map(async (name) => ((await this.#answers(cluster, name)) ? [name] : [])),
    );
    return answers.flat();
  }

  end(): void {
    for (const connection of this.#hanging.values()) connection.destroy();
  }

  async #answers(cluster: LabCluster, name: string): Promise<boolean> {
    if (this.#hanging.has(name)) return false;
    const node = cluster.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    const { host, port } = node;
    const account = cluster.accounts.application;
    const connection = await createConnection({ host, port, ...account, connectTimeout: hangsAfterMs }).catch(
      () => undefined,
    );
    if (connection === undefined) return false; // gone meanwhile
    connection.on('error', () => undefined);
    this.#hanging.set(name, connection);
    const answered = connection.query(`INSERT INTO ${schema}.probes () VALUES ()`).then(
      () => true,
      () => true,
    );
    void answered.then(() => {
      this.#hanging.delete(name);
      connection.destroy();
    });
    return Promise.race([answered, after(hangsAfterMs, false)]);
  }
}

const after = <Value>(ms: number, value: Value): Promise<Value> =>
  new Promise((resolve) => setTimeout(() => resolve(value), ms));
