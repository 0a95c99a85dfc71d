import type { Vm } from "../../src/rpc/contract/vm.ts";

type Row = Pick<Vm, "id" | "name" | "address" | "network">;

/** Records of VMs without a store. */
export class VmRows {
  list: readonly Row[] = [];
  #change = Promise.withResolvers<void>();

  /** Resolves with the next change. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }

  add(row: Row): void {
    this.#set([...this.list, row]);
  }

  remove(id: string): void {
    this.#set(this.list.filter((row) => row.id !== id));
  }

  #set(list: readonly Row[]): void {
    this.list = list;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
