/** The code of a MandosError about an image that cannot be read. */
export const IMAGE_FAULT = 'IMAGE';
