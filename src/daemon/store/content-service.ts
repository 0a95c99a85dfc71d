import { rmSync } from "node:fs";
import type { ContentRecords } from "./content-records.ts";

/** Things that are stored by their content, each in a directory of its own: images, kernels. */
export abstract class ContentService<T extends { readonly id: string; readonly name: string }> {
  protected readonly records: ContentRecords<T>;

  constructor(records: ContentRecords<T>) {
    this.records = records;
  }

  /** The command that makes the first one. */
  protected abstract readonly howToMake: string;

  /** Where the files of one of them are. */
  protected abstract directoryOf(id: string): string;

  list(): T[] {
    return this.records.list();
  }

  find(reference: string): T {
    return this.records.find(reference);
  }

  show(reference: string): T & { used_by: string[] } {
    const content = this.find(reference);
    return { ...content, used_by: this.records.usedBy(content.id) };
  }

  /** The one that is taken where none is named; with a reference, that one becomes it. */
  default(reference?: string): T {
    return reference === undefined ? this.records.theDefault(this.howToMake) : this.records.makeDefault(reference);
  }

  /** Removes one that no VM uses: the record first, what has no record is nobody's. */
  remove(reference: string): { id: string; name: string } {
    const { id, name } = this.records.remove(reference);
    rmSync(this.directoryOf(id), { recursive: true, force: true });
    return { id, name };
  }
}
