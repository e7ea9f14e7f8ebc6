import { connect } from 'node:net';

/** Rejects, naming the port, unless somebody listens on it on loopback. */
export function checkListening(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
