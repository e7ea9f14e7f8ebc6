import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

/**
 * Has a child that no supervisor knows end when this process does. Ctrl-C in a terminal reaches both by itself, a
 * `kill` of this process alone does not. @returns the child
 */
export function endWithUs<Child extends ChildProcess>(child: Child): Child {
  if (running.size === 0) process.on('exit', endAll);
  running.add(child);
  child.once('close', () => {
    running.delete(child);
    if (running.size === 0) process.off('exit', endAll);
  });
  return child;
}

const endAll = () => running.forEach((child) => child.kill('SIGTERM'));
