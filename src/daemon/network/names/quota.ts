/** What is under way for somebody. */
export interface Held {
  /** Takes it back; a second time does nothing. */
  end(): void;
}

interface Place extends Held {
  readonly cut: () => void;
}

/**
 * How much may be under way: for each guest, and in all. When all of it is taken, whoever holds less than an equal share still gets
 * a place, and who holds most loses its oldest: guests that flood are unheard themselves, and silence nobody.
 */
export class Quota {
  readonly #each: number;
  readonly #all: number;
  /** By guest, the oldest first. */
  readonly #held = new Map<string, Set<Place>>();
  #total = 0;

  constructor(limits: { readonly each: number; readonly all: number }) {
    this.#each = limits.each;
    this.#all = limits.all;
  }

  /** Gives a place, which `cut` may have to leave again; undefined when there is no room. */
  take(who: string, cut: () => void): Held | undefined {
    const held = this.#held.get(who) ?? new Set<Place>();
    if (held.size >= this.#each) return undefined;
    if (this.#total >= this.#all) {
      const active = this.#held.size + (held.size === 0 ? 1 : 0);
      if (held.size >= Math.max(1, Math.floor(this.#all / active))) return undefined;
      this.#cutOldest();
    }
    const place: Place = { cut, end: () => this.#leave(who, place) };
    this.#held.set(who, held.add(place));
    this.#total++;
    return place;
  }

  /** Ends all that is under way. */
  cutAll(): void {
    const places = [...this.#held.values()].flatMap((held) => [...held]);
    for (const place of places) end(place);
  }

  /** Of who holds most. */
  #cutOldest(): void {
    const [most] = [...this.#held.values()].toSorted((a, b) => b.size - a.size);
    const [oldest] = most ?? [];
    if (oldest !== undefined) end(oldest);
  }

  #leave(who: string, place: Place): void {
    const held = this.#held.get(who);
    if (held?.delete(place) !== true) return;
    if (held.size === 0) this.#held.delete(who);
    this.#total--;
  }
}

function end(place: Place): void {
  place.end();
  place.cut();
}
