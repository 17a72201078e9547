# The files that depend on settings: path → bytes, mode, owner, group.
package Imgbuild::Files;
use v5.36;
use Imgbuild::Json;
use Imgbuild::Template;

# The files that the image makes of `%$values`.
sub of ($image, $values) {
    my $context = {%{$image->{context}}, settings => $values};
    my %files;
    for my $file (@{$image->{files}}) {
        next if $file->{when} && !holds($file->{when}, $values->{$file->{when}{setting}});
        my $bytes = eval { Imgbuild::Template::render($file->{parts}, $context) }
            // die "`$file->{path}`: $@";
        $files{$file->{path}} =
            {%$file{qw(owner group)}, bytes => $bytes, mode => oct $file->{mode}};
    }
    return \%files;
}

sub holds ($when, $value) {
    return !!given ($value) == $when->{set} if !exists $when->{is};
    my $text = defined $value ? Imgbuild::Json::plain($value) : undef;
    return defined $text && $text eq $when->{is};
}

# Whether a value is more than false or empty. A number is, even 0.
sub given ($value) {
    return Imgbuild::Json::type($value) =~ /number|table/ || Imgbuild::Template::truth($value);
}

1;
