export function processBirth(pid: number): string | undefined;
export function processIdentity(pid: number): string;
export function livePid(identity: string): number | undefined;
export function tryLock(path: string): number | undefined;
export function unlock(path: string): void;
export function withLock<T>(path: string, onWait: (pid: number) => void, work: () => Promise<T> | T): Promise<T>;
