uniform vec3 bottom_colour;
uniform float hem;
uniform vec2 seed;

void main() {
    if (on_limbs.y > hem)
        discard;
    show(bottom_colour * (0.85 + 0.3 * grain), 0.02);
}
