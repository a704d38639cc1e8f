// Where one is among the codes of a generator, and the picture that stands there.
import { fill, h, say, trouble, write } from '../dom.js';
import { of } from '../ask.js';
import { fetched, replaced } from './controls.js';

/** Deviations that a slider reaches. */
export const REACH = 4;

/** A walk: `watch` is told when the picture has changed, with why: `moved` by somebody, or `found` by a search. */
export class Walk {
  constructor(run, about) {
    this.run = run;
    this.about = about;
    this.place = { seed: 0, number: 0, psi: 1, along: (about.directions || []).map(() => 0), units: new Map() };
    if (about.classes) this.place.class = 0;
    this.watchers = [];
    const [height, width] = about.picture;
    this.portrait = h('img', { class: 'portrait', alt: 'The picture of this code' });
    this.easel = h('div', { class: 'easel' }, this.portrait);
    this.easel.style.aspectRatio = `${width} / ${height}`;
    this.time = h('output', { class: 'small soft' });
    this.problem = h('div');
    this.download = h('a', { class: 'button', download: `${run}.png` }, 'Download PNG');
  }

  watch(watcher) {
    this.watchers.push(watcher);
  }

  /** The place as an address says it; with units where they are asked for. */
  query(more = {}, withUnits = false) {
    const { along, units, layer, ...rest } = { ...this.place, ...more };
    const query = new URLSearchParams(Object.entries(rest).filter(([, value]) => value !== undefined));
    if (along && along.some((by) => by !== 0)) query.set('along', along.join(','));
    if (withUnits && units.size > 0) {
      query.set('layer', layer);
      query.set('units', [...units].map((pair) => pair.join(':')).join(','));
    }
    return query;
  }

  address(what, query) {
    return `${of(this.run, 'generator', what)}?${query}`;
  }

  move(change) {
    Object.assign(this.place, change);
    this.tell('moved');
    return this.show();
  }

  /** Goes to a code that was found. */
  arrive(found) {
    this.place.along.fill(0);
    Object.assign(this.place, { found, psi: 1 });
    this.tell('found');
    return this.show();
  }

  tell(why) {
    this.watchers.forEach((watcher) => watcher(why));
  }

  /** Shows the picture of where we are. One request at a time; what was asked for last is shown last. */
  async show() {
    if (this.isAsking) {
      this.isStale = true;
      return;
    }
    this.isAsking = true;
    this.isStale = false;
    const begun = performance.now();
    try {
      const response = await fetched(this.address('picture.png', this.query({}, true)));
      this.made = replaced(this.made, await response.blob());
      this.portrait.src = this.made;
      this.download.href = this.made;
      await this.portrait.decode().catch(() => {});
      write(this.time, `${Math.round(performance.now() - begun)} ms`);
      this.problem.replaceChildren();
      this.tell('shown');
    } catch (error) {
      fill(this.problem, trouble(error));
    }
    this.isAsking = false;
    if (this.isStale) await this.show();
  }

  /** The controls of the sample, and of truncation. */
  another() {
    this.move({ number: this.place.number + 1, found: undefined });
    say(`Sample ${this.place.number}`);
  }
}
