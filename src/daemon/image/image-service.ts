import { chmodSync, mkdirSync, renameSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import type { Image, imageContract } from "../../rpc/contract/image.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { Run } from "../process/run.ts";
import type { OperationContext } from "../operation/operations.ts";
import { ContentRecords } from "../store/content-records.ts";
import { ContentService } from "../store/content-service.ts";
import { inScratch } from "../store/scratch.ts";
import { debianTar } from "./debian.ts";
import { ext4OfTar } from "./ext4.ts";
import { ext4OfSource } from "./ext4-of-source.ts";
import { noteMissingInit } from "./find-init.ts";
import { nameOfFile } from "./image-name.ts";
import { chooseRootless } from "./rootless.ts";
import { openSource } from "./source.ts";
import { sparseDigest } from "./sparse-file.ts";
import type { Store } from "../store/store.ts";

/** What the image service needs. */
export interface ImageServiceDeps {
  readonly database: Store;
  readonly layout: Layout;
  readonly run: Run;
  readonly now: () => Date;
}

/** Root file systems, stored by content. */
export class ImageService extends ContentService<Image> {
  protected readonly howToMake = "banger image build debian";
  readonly #deps: ImageServiceDeps;

  constructor(deps: ImageServiceDeps) {
    super(new ContentRecords<Image>(deps.database, "images"));
    this.#deps = deps;
  }

  protected directoryOf(id: string): string {
    return dirname(this.#deps.layout.image(id));
  }

  protected filesOf(id: string): string[] {
    return [this.#deps.layout.image(id)];
  }

  /** Makes an image of a distribution from its packages. */
  async build(params: ParamsOf<typeof imageContract.imageBuild>, { signal, emit }: OperationContext): Promise<Image> {
    const { recipe, suite, packages, size_mib: sizeMib, name = suite, default: asDefault } = params;
    this.mustBeFree(name);
    const { run, layout, database } = this.#deps;
    await database.mustHaveRoom();
    const progress = (text: string) => emit("progress", { text });
    return inScratch(layout, async (scratch) => {
      const rootless = await chooseRootless(run, scratch, signal);
      const tar = await debianTar(suite, packages, scratch, { run, signal, rootless, progress });
      await progress("making the file system");
      const disk = await ext4OfTar({ file: tar, root: "", joined: false }, sizeMib, scratch, { run, signal, rootless });
      return this.#keep(disk, name, `${recipe} ${suite}`, asDefault, signal);
    });
  }

  /** Takes what a person brought: a tar archive of a root file system, an ext4 file system, or a disk that has one. */
  async import(params: ParamsOf<typeof imageContract.imageImport>, { signal, emit }: OperationContext): Promise<Image> {
    const { source: path, name = nameOfFile(path), default: asDefault } = params;
    this.mustBeFree(name);
    const { run, layout, database } = this.#deps;
    const source = await openSource(path, run, signal);
    await database.mustHaveRoom();
    return inScratch(layout, async (scratch) => {
      const progress = (text: string) => emit("progress", { text });
      await progress(`reading ${basename(path)}`);
      const disk = await ext4OfSource(source, params, { run, signal, scratch, progress });
      source.mustBeUnchanged();
      await noteMissingInit(disk, { run, signal, progress });
      return this.#keep(disk, name, basename(path), asDefault, signal);
    });
  }

  /** Puts a file system in its place, with its record. */
  async #keep(
    disk: string,
    name: string,
    source: string,
    asDefault: boolean | undefined,
    signal: AbortSignal,
  ): Promise<Image> {
    const id = await sparseDigest(disk, signal);
    const place = this.#deps.layout.image(id);
    const image = { id, name, size: statSync(disk).size, source, created_at: this.#deps.now().toISOString() };
    const made = join(dirname(disk), "kept");
    mkdirSync(made, { mode: 0o700 });
    chmodSync(disk, 0o444);
    renameSync(disk, join(made, basename(place)));
    return this.keep(made, image, asDefault);
  }
}
