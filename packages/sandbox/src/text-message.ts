// What text messages have in common wherever they are sent: who they may go to, their alphabet, and how many parts they take.

/** GSM 03.38, the basic set and its extension: what fits 160 characters into a part. */
const gsmText = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ^{}\\[~\]|€ÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]*$/;

export function isGsm(text: string): boolean {
  return gsmText.test(text);
}

/** How many segments a text takes: 160 characters in one and 153 in each of several, or 70 and 67 outside the GSM alphabet. */
export function segmentsOf(text: string): number {
  const [alone, joined] = isGsm(text) ? [160, 153] : [70, 67];
  if (text.length === 0) return 1;
  return text.length <= alone ? 1 : Math.ceil(text.length / joined);
}

/** E.164, or the same behind a channel such as `whatsapp:`. */
export function isAddress(text: string): boolean {
  return /^([a-z]+:)?\+[1-9]\d{6,14}$/.test(text);
}
