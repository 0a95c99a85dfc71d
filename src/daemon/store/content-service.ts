import { statSync } from "node:fs";
import type { ContentRecords } from "./content-records.ts";
import { putInPlace, settle, takeAway } from "./in-place.ts";

/** What is stored so. */
interface Stored {
  readonly id: string;
  readonly name: string;
  /** Bytes of all its files. */
  readonly size: number;
  /** True where its files are gone or cut off, and its record is not. */
  readonly missing?: boolean | undefined;
}

/** Things that are stored by their content, each in a directory of its own: images, kernels. */
export abstract class ContentService<T extends Stored> {
  protected readonly records: ContentRecords<T>;

  constructor(records: ContentRecords<T>) {
    this.records = records;
  }

  /** The command that makes the first one. */
  protected abstract readonly howToMake: string;

  /** Where the files of one of them are. */
  protected abstract directoryOf(id: string): string;

  /** Which files those are. */
  protected abstract filesOf(id: string): string[];

  /** One with what its files tell. */
  protected shown(content: T): T {
    return this.#isWhole(content) ? content : { ...content, missing: true };
  }

  /** Until banger had them written to the disk before their record, a host whose power was cut could leave files empty. */
  #isWhole({ id, size }: T): boolean {
    return this.filesOf(id).reduce((sum, file) => sum + sizeOf(file), 0) === size;
  }

  /** Refuses the name of another; that of one whose files are missing may be meant to get them back. */
  protected mustBeFree(name: string): void {
    const same = this.records.list().find((content) => content.name === name);
    if (same === undefined || this.shown(same).missing !== true) this.records.mustBeFree(name);
  }

  /** Puts a directory that was made in its place, with its record; where only that is there, it gets its files back, and keeps its name. */
  protected async keep(made: string, content: T, asDefault: boolean | undefined): Promise<T> {
    await settle(made);
    const known = this.records.byId(content.id);
    if (known === undefined) this.records.mustBeFree(content.name);
    else if (this.shown(known).missing !== true) return this.records.insert(content, asDefault);
    return putInPlace(made, this.directoryOf(content.id), () => {
      if (known === undefined) return this.records.insert(content, asDefault);
      return asDefault === true ? this.records.makeDefault(known.id) : known;
    });
  }

  list(): T[] {
    return this.records.list().map((content) => this.shown(content));
  }

  find(reference: string): T {
    return this.shown(this.records.find(reference));
  }

  show(reference: string): T & { used_by: string[] } {
    const content = this.find(reference);
    return { ...content, used_by: this.records.usedBy(content.id) };
  }

  /** The one that is taken where none is named; with a reference, that one becomes it. */
  default(reference?: string): T {
    const { records } = this;
    return this.shown(reference === undefined ? records.theDefault(this.howToMake) : records.makeDefault(reference));
  }

  /** Removes one that no VM uses. */
  remove(reference: string): { id: string; name: string } {
    const { id, name } = this.records.mustBeUnused(reference);
    takeAway(this.directoryOf(id), () => this.records.remove(id));
    return { id, name };
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return Number.NaN;
  }
}
